/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_FS_H
#define EPL_FS_H

/* Temporary folders, for bindings/fs.c.
 *
 * Life: a folder lives until its guard is collected, or the instance closes. Thread: the loop's. Owner: the guard.
 * Errors: raised. */

#include <lua.h>

/* temp_dir([options]) -> path, guard */
int epl_fs_temp_dir(lua_State *L);

/* Makes the type of the guards. */
void epl_fs_open_temp(lua_State *L);

#endif

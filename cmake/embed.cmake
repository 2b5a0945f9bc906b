# SPDX-License-Identifier: Apache-2.0
# Lua files become bytecode in one C file of the build tree, so that the program needs no files at run time.

# The tool runs while building: it is compiled without the options of the product.
add_executable(epact_embed cmake/embed.c)
target_link_libraries(epact_embed PRIVATE PkgConfig::lua5.4)

# epact_embed_lua(OUT_VAR ROOT FILE...): OUT_VAR is the C file that defines epl_lua_modules from the FILEs under ROOT.
# A FILE like epact/a.lua=/path/text makes that text the module epact.a.
function(epact_embed_lua out_var root)
	set(out "${PROJECT_BINARY_DIR}/generated/lua_modules.c")
	set(list "${PROJECT_BINARY_DIR}/generated/lua_modules.txt")
	list(SORT ARGN)
	list(JOIN ARGN "\n" lines)
	list(TRANSFORM ARGN REPLACE "^.*=" "" OUTPUT_VARIABLE files)
	file(CONFIGURE OUTPUT "${list}" CONTENT "${lines}\n" @ONLY)
	add_custom_command(OUTPUT "${out}"
		COMMAND epact_embed "${out}" "${PROJECT_SOURCE_DIR}/${root}" "${list}"
		DEPENDS epact_embed "${list}" ${files}
		COMMENT "Compiling the Lua files"
		VERBATIM)
	set(${out_var} "${out}" PARENT_SCOPE)
endfunction()

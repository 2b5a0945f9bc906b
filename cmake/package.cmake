# SPDX-License-Identifier: Apache-2.0
# cpack --config build/release/CPackConfig.cmake makes a .deb: the program, the library, its headers, the Lua module.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME epact)
set(CPACK_PACKAGE_VENDOR "epact")
set(CPACK_PACKAGE_CONTACT "The epact developers <epact@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "event loop that embeds Lua 5.4 and runs agent scripts")
set(CPACK_PACKAGE_DESCRIPTION "Runs Lua scripts whose HTTP, git and process calls read top to bottom and run side by side.\nHolds the program, the library for C hosts, and the module for lua5.4.")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "git, ca-certificates")
# What a host needs that links the static library, or is built with CMake.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS
	"pkg-config, liblua5.4-dev, libuv1-dev, libcurl4-openssl-dev, libcjson-dev, libmicrohttpd-dev, libsqlite3-dev, nettle-dev")
include(CPack)

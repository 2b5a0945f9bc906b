# SPDX-License-Identifier: Apache-2.0
# cmake --install: headers, both libraries, the program, and the files by which other builds find them.

include(CMakePackageConfigHelpers)

set_target_properties(epact_shared PROPERTIES EXPORT_NAME epact)
set_target_properties(epact_static PROPERTIES EXPORT_NAME epact-static)
install(TARGETS epact_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS epact_static epact_shared EXPORT epact
	RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
	LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
	ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS epact_module LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/lua/5.4)
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")

# Relative to the file itself, so that an installed tree may be moved.
file(RELATIVE_PATH epact_pc_prefix "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
list(JOIN epact_modules ", " epact_requires)
configure_file(cmake/epact.pc.in epact.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/epact.pc" DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(epact_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/epact)
install(EXPORT epact NAMESPACE epact:: FILE epact-targets.cmake DESTINATION ${epact_config_dir})
configure_package_config_file(cmake/epact-config.cmake.in epact-config.cmake INSTALL_DESTINATION ${epact_config_dir})
write_basic_package_version_file(epact-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/epact-config.cmake" "${PROJECT_BINARY_DIR}/epact-config-version.cmake"
	DESTINATION ${epact_config_dir})

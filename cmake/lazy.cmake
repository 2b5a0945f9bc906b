# SPDX-License-Identifier: Apache-2.0
# The program loads its heavy libraries when they are first called; see lazy.c. Not with sanitizers, which watch from
# the start, and not where lazy.c does not know the machine.

set(epact_lazy_default OFF)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64" AND CMAKE_SIZEOF_VOID_P EQUAL 8 AND NOT EPACT_SANITIZE)
	set(epact_lazy_default ON)
endif()
option(EPACT_LAZY "Load libcurl and others when they are first called" ${epact_lazy_default})

# epact_load_lazily(PROGRAM ARCHIVE MODULE...): PROGRAM loads the libraries that ARCHIVE needs of the pkg-config MODULEs.
function(epact_load_lazily program archive)
	set(libraries)
	foreach(module ${ARGN})
		list(GET ${module}_LINK_LIBRARIES 0 library)
		list(APPEND libraries "${library}")
	endforeach()
	set(out "${PROJECT_BINARY_DIR}/generated/lazy.def")
	add_custom_command(OUTPUT "${out}"
		COMMAND bash "${PROJECT_SOURCE_DIR}/cmake/lazy.sh" "${out}" $<TARGET_FILE:${archive}> ${libraries}
		DEPENDS ${archive} "${PROJECT_SOURCE_DIR}/cmake/lazy.sh"
		COMMENT "Listing the functions that are loaded when they are called"
		VERBATIM)
	target_sources(${program} PRIVATE "${PROJECT_SOURCE_DIR}/cmake/lazy.c" "${out}")
	set_source_files_properties("${PROJECT_SOURCE_DIR}/cmake/lazy.c" PROPERTIES
		INCLUDE_DIRECTORIES "${PROJECT_BINARY_DIR}/generated" OBJECT_DEPENDS "${out}")
	target_link_libraries(${program} PRIVATE ${CMAKE_DL_LIBS})
endfunction()

# SPDX-License-Identifier: Apache-2.0
# How the code is compiled and linked: the target epact_options carries it, so that build tools stay plain.

option(BUILD_TESTING "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(EPACT_STRESS "Compile the allocator that forces a collection at every growth" OFF)
option(EPACT_FUZZ "Build the programs of tests/fuzz with libFuzzer (needs clang)" OFF)
option(EPACT_COVERAGE "Count lines and branches for gcov" OFF)
set(EPACT_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize= (address,undefined or thread)")

if(NOT CMAKE_BUILD_TYPE)
	set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g -DNDEBUG")

find_program(EPACT_CCACHE ccache)
mark_as_advanced(EPACT_CCACHE)
if(EPACT_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
	set(CMAKE_C_COMPILER_LAUNCHER "${EPACT_CCACHE}")
endif()

add_library(epact_options INTERFACE)
target_compile_definitions(epact_options INTERFACE _GNU_SOURCE $<$<BOOL:${EPACT_STRESS}>:EPACT_STRESS=1>)
# Lazy binding and only the libraries that are used: the program's start is most of the cost of a short script.
target_link_options(epact_options INTERFACE LINKER:-z,lazy LINKER:--as-needed LINKER:-O1)
if(EPACT_SANITIZE)
	target_compile_options(epact_options INTERFACE
		-fsanitize=${EPACT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
	target_link_options(epact_options INTERFACE -fsanitize=${EPACT_SANITIZE})
endif()
if(EPACT_FUZZ)
	target_compile_options(epact_options INTERFACE -fsanitize=fuzzer-no-link)
	target_link_options(epact_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(EPACT_COVERAGE)
	target_compile_options(epact_options INTERFACE --coverage)
	target_link_options(epact_options INTERFACE --coverage)
endif()

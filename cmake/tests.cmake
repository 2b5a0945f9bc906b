# SPDX-License-Identifier: Apache-2.0
# Tests are found by their place and name: tests/unit/buf_test.c is ctest unit.buf, tests/lua/http_test.lua is lua.http.
# Each runs in a session and a folder of its own (tests/support/isolated.c). In its first lines a file may say
# "slow" (a label), "timeout: SECONDS", "alone" (no other test runs beside it) or "plain build" (not with sanitizers);
# an example says "test: ARGS" to be run as one.

add_executable(epact_isolated tests/support/isolated.c)
target_compile_definitions(epact_isolated PRIVATE _GNU_SOURCE)
target_link_libraries(epact_isolated PRIVATE epact_warnings)

set(epact_test_environment "EPACT_SOURCE=${PROJECT_SOURCE_DIR}" "EPACT_BUILD=${PROJECT_BINARY_DIR}"
	"EPACT_BIN=$<TARGET_FILE:epact_program>"
	"LUA_PATH=${PROJECT_SOURCE_DIR}/tests/support/?.lua\\;\\;"
	"GIT_CONFIG_GLOBAL=${PROJECT_SOURCE_DIR}/tests/support/gitconfig" "GIT_CONFIG_NOSYSTEM=1"
	"ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0"
	"UBSAN_OPTIONS=print_stacktrace=1"
	"LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/lsan.supp:print_suppressions=0"
	"TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/tsan.supp:second_deadlock_stack=1")
set(epact_test_slowdown 1)
if(EPACT_SANITIZE OR EPACT_STRESS)
	set(epact_test_slowdown 4)
endif()
# A busy machine is slow, too: warnings of long slices would stand among what tests expect on stderr.
list(APPEND epact_test_environment "EPACT_SLOWDOWN=${epact_test_slowdown}" "EPACT_SLICE=0")

# epact_test_directive(OUT_VAR FILE NAME): what stands after "NAME" in the first lines of FILE; NOTFOUND when nothing does.
function(epact_test_directive out_var file name)
	set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
	file(READ "${file}" head LIMIT 800)
	set(value NOTFOUND)
	if(head MATCHES "(^|\n)(--|//|/\\*| \\*|#) *${name}(: *([^\n*]*[^\n* ])|:?)[ */]*\n")
		string(STRIP "${CMAKE_MATCH_4}" value)
		if(value STREQUAL "")
			set(value ON)
		endif()
	endif()
	set(${out_var} "${value}" PARENT_SCOPE)
endfunction()

# epact_add_test(FOLDER FILE COMMAND...): ctest FOLDER.NAME, from the directives of FILE.
function(epact_add_test folder file)
	cmake_path(GET file STEM LAST_ONLY name)
	string(REGEX REPLACE "_(test|fuzz)$" "" name "${name}")
	epact_test_directive(slow "${file}" slow)
	epact_test_directive(alone "${file}" alone)
	epact_test_directive(timeout "${file}" timeout)
	if(NOT timeout)
		set(timeout 60)
	endif()
	math(EXPR timeout "${timeout} * ${epact_test_slowdown}")
	# isolated ends the test in time and says what was left; the timeout of ctest is only the net below it.
	math(EXPR net "${timeout} + 15")
	set(labels ${folder})
	if(slow)
		list(APPEND labels slow)
	endif()
	add_test(NAME ${folder}.${name} COMMAND epact_isolated ${timeout} ${ARGN} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
	set_tests_properties(${folder}.${name} PROPERTIES
		SKIP_RETURN_CODE 77 TIMEOUT ${net} RUN_SERIAL $<BOOL:${alone}> LABELS "${labels}" ENVIRONMENT "${epact_test_environment}")
endfunction()

foreach(folder unit contract)
	file(GLOB files CONFIGURE_DEPENDS tests/${folder}/*_test.c)
	foreach(file ${files})
		cmake_path(GET file STEM name)
		set(target ${folder}_${name})
		add_executable(${target} ${file})
		target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR} tests/support)
		target_link_libraries(${target} PRIVATE epact_static ${epact_dependencies} epact_options epact_warnings)
		set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
		epact_add_test(${folder} "${file}" $<TARGET_FILE:${target}>)
	endforeach()
endforeach()

# tests/fuzz/json_fuzz.c is an entry of libFuzzer: with EPACT_FUZZ a program that makes inputs up,
# else ctest fuzz.json, which runs it on the files of tests/fuzz/json/.
file(GLOB files CONFIGURE_DEPENDS tests/fuzz/*_fuzz.c)
foreach(file ${files})
	cmake_path(GET file STEM name)
	string(REGEX REPLACE "_fuzz$" "" corpus "${name}")
	add_executable(${name} ${file} $<$<NOT:$<BOOL:${EPACT_FUZZ}>>:${PROJECT_SOURCE_DIR}/tests/support/replay.c>)
	target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
	target_link_libraries(${name} PRIVATE epact_static ${epact_dependencies} epact_options epact_warnings)
	set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
	if(EPACT_FUZZ)
		target_link_options(${name} PRIVATE -fsanitize=fuzzer)
	else()
		file(GLOB inputs CONFIGURE_DEPENDS tests/fuzz/${corpus}/*)
		epact_add_test(fuzz "${file}" $<TARGET_FILE:${name}> ${inputs})
	endif()
endforeach()

foreach(folder lua cli contract faults)
	file(GLOB files CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" tests/${folder}/*_test.lua)
	foreach(file ${files})
		epact_add_test(${folder} "${PROJECT_SOURCE_DIR}/${file}" $<TARGET_FILE:epact_program> run ${file})
	endforeach()
endforeach()
file(GLOB files CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" examples/*.lua)
foreach(file ${files})
	epact_test_directive(arguments "${PROJECT_SOURCE_DIR}/${file}" test)
	if(arguments)
		string(REGEX REPLACE "^ON$" "" arguments "${arguments}")
		separate_arguments(arguments UNIX_COMMAND "${arguments}")
		epact_add_test(examples "${PROJECT_SOURCE_DIR}/${file}" $<TARGET_FILE:epact_program> run ${arguments} ${file})
	endif()
endforeach()

# Hosts in C are linked as an installed one is, with the shared library.
file(GLOB files CONFIGURE_DEPENDS examples/embed/*.c)
foreach(file ${files})
	cmake_path(GET file STEM name)
	add_executable(embed_${name} ${file})
	target_compile_definitions(embed_${name} PRIVATE _GNU_SOURCE)
	target_link_libraries(embed_${name} PRIVATE epact_shared PkgConfig::libuv Threads::Threads epact_warnings)
	if(EPACT_SANITIZE)
		target_link_options(embed_${name} PRIVATE -fsanitize=${EPACT_SANITIZE})
	endif()
	set_target_properties(embed_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
	epact_add_test(embed "${file}" $<TARGET_FILE:embed_${name}>)
endforeach()

file(GLOB files CONFIGURE_DEPENDS tests/checks/*_test.sh)
foreach(file ${files})
	epact_test_directive(plain "${file}" "plain build")
	if(NOT (plain AND (EPACT_SANITIZE OR EPACT_COVERAGE)))
		epact_add_test(checks "${file}" bash "${file}")
	endif()
endforeach()

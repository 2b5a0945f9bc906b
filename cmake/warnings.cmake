# SPDX-License-Identifier: Apache-2.0
# What the compiler must say about our own code, and that it may not be overlooked.

add_library(epact_warnings INTERFACE)
target_compile_options(epact_warnings INTERFACE
	-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wold-style-definition
	-Wvla -Wundef)
if(EPACT_SANITIZE AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
	# The checks that are compiled in confuse the analysis of gcc.
	target_compile_options(epact_warnings INTERFACE -Wno-maybe-uninitialized)
endif()

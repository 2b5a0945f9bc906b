#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each public header compiles alone and twice, as strict C99 and as C++17, without a warning.
set -euo pipefail
read -ra lua_flags <<<"$(pkg-config --cflags lua5.4)"
strict=(-fsyntax-only -I "$EPACT_SOURCE/include" "${lua_flags[@]}" -pedantic -Wall -Wextra -Werror)
for header in "$EPACT_SOURCE"/include/*.h; do
	name=$(basename "$header")
	twice=$(printf '#include <%s>\n#include <%s>\nint not_empty;' "$name" "$name")
	cc -x c -std=c99 -Wstrict-prototypes "${strict[@]}" - <<<"$twice"
	c++ -x c++ -std=c++17 "${strict[@]}" - <<<"$twice"
done
printf '#include <epact.hpp>\n#include <epact.hpp>\nint not_empty;' | c++ -x c++ -std=c++17 "${strict[@]}" -

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# plain build
# Functions that are loaded when they are called get all their arguments and give back all results; a library that is
# not needed is not loaded; one that is missing is named.
set -euo pipefail
[ "$(uname -m)" = x86_64 ] || exit 77
if ! grep -q '^EPACT_LAZY:BOOL=ON' "$EPACT_BUILD/CMakeCache.txt"; then exit 77; fi

needed=$(objdump -p "$EPACT_BIN" | awk '$1 == "NEEDED" { print $2 }')
if [[ $needed == *libcurl* || $needed == *libmicrohttpd* || $needed == *libsqlite3* ]]; then
	printf 'the program loads at its start: %s\n' "$needed" >&2
	exit 1
fi

cd "$TMPDIR"
trap 'rm -rf -- "$TMPDIR"/*' EXIT
cat >far.c <<'END'
#include <stdarg.h>
#include <stdio.h>
struct pair { double a; long b; };
struct big { long words[4]; };
int far_many(char *to, int a, long b, char c, double d, float e, int f, int g, int h, double i, const char *j)
{
	return sprintf(to, "%d %ld %c %g %g %d %d %d %g %s", a, b, c, d, e, f, g, h, i, j);
}
int far_variadic(char *to, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int result = vsprintf(to, format, arguments);
	va_end(arguments);
	return result;
}
struct pair far_pair(double a, double b, double c, double d, double e, double f, double g, double h)
{
	return (struct pair){a + b + c + d + e + f + g + h, (long)(a * 10000000 + b * 1000000 + h)};
}
struct big far_big(long n) { return (struct big){{n, n + 1, n + 2, n + 3}}; }
int far_unused(void) { return 0; }
END
cat >near.c <<'END'
#include <pthread.h>
#include <string.h>
struct pair { double a; long b; };
struct big { long words[4]; };
int far_many(char *, int, long, char, double, float, int, int, int, double, const char *);
int far_variadic(char *, const char *, ...);
struct pair far_pair(double, double, double, double, double, double, double, double);
struct big far_big(long);
int near(void);
static void *run(void *failed)
{
	char text[200];
	for (int round = 0; round < 3; round++) {
		far_many(text, -1, 1L << 40, 'x', 0.5, 0.25f, 6, 7, 8, 1e300, "ten");
		if (strcmp(text, "-1 1099511627776 x 0.5 0.25 6 7 8 1e+300 ten")) *(int *)failed = 1;
		far_variadic(text, "%g %d %g %d %d %d %d %s %g", 1.5, 2, 3.5, 4, 5, 6, 7, "8", 9.5);
		if (strcmp(text, "1.5 2 3.5 4 5 6 7 8 9.5")) *(int *)failed = 2;
		struct pair p = far_pair(1, 2, 3, 4, 5, 6, 7, 8);
		if (p.a != 36 || p.b != 12000008) *(int *)failed = 3;
		if (far_big(40).words[3] != 43) *(int *)failed = 4;
	}
	return 0;
}
int near(void)
{
	int failed = 0;
	pthread_t threads[4];
	for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, run, &failed);
	for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
	return failed;
}
END
echo 'int near(void); int main(int argc, char **argv) { (void)argv; return argc > 1 ? near() : 0; }' >main.c
cc -O1 -shared -fPIC far.c -o libfar.so -Wl,-soname,libfar.so.1
ln -s libfar.so libfar.so.1
cc -O1 -c near.c
ar rc near.a near.o
bash "$EPACT_SOURCE/cmake/lazy.sh" lazy.def near.a libfar.so
if [ "$(wc -l <lazy.def)" -ne 4 ]; then cat lazy.def >&2; exit 1; fi
cc -O1 -I . main.c "$EPACT_SOURCE/cmake/lazy.c" near.a -o program

export LD_LIBRARY_PATH=$TMPDIR
./program call
rm libfar.so.1
./program
status=0
./program call 2>out || status=$?
if [ $status -ne 127 ] || ! grep -q 'libfar.so.1' out; then
	echo "a missing library: status $status, $(cat out)" >&2
	exit 1
fi

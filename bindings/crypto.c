/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, random bytes, base64. Face: lua/epact/crypto.lua; engine: runtime/crypto/. Nothing here waits. */
#include <string.h>

#include "bindings/epl.h"
#include "runtime/crypto/crypto.h"

enum { RANDOM_MAX = 1 << 20, UUID_SIZE = 16 };

static void push_hex(lua_State *L, const void *bytes, size_t len)
{
	luaL_Buffer b;
	ep_hex(luaL_buffinitsize(L, &b, 2 * len), bytes, len);
	luaL_pushresultsize(&b, 2 * len);
}

static int crypto_sha1(lua_State *L)
{
	unsigned char digest[EP_SHA1_SIZE];
	size_t len;
	const char *bytes = luaL_checklstring(L, 1, &len);
	ep_sha1(digest, bytes, len);
	push_hex(L, digest, sizeof digest);
	return 1;
}

static int crypto_sha256(lua_State *L)
{
	unsigned char digest[EP_SHA256_SIZE];
	size_t len;
	const char *bytes = luaL_checklstring(L, 1, &len);
	ep_sha256(digest, bytes, len);
	push_hex(L, digest, sizeof digest);
	return 1;
}

static void random_bytes(lua_State *L, void *out, size_t len)
{
	if (ep_random(out, len)) epl_raise_code(L, EP_EIO, "the kernel gives no random bytes");
}

static int crypto_random(lua_State *L)
{
	lua_Integer n = luaL_checkinteger(L, 1);
	luaL_Buffer b;
	luaL_argcheck(L, n >= 0 && n <= RANDOM_MAX, 1, "a number of bytes up to 1048576");
	random_bytes(L, luaL_buffinitsize(L, &b, (size_t)n), (size_t)n);
	luaL_pushresultsize(&b, (size_t)n);
	return 1;
}

static int crypto_hex(lua_State *L)
{
	size_t len;
	const char *bytes = luaL_checklstring(L, 1, &len);
	push_hex(L, bytes, len);
	return 1;
}

static int crypto_uuid(lua_State *L)
{
	unsigned char b[UUID_SIZE];
	char hex[2 * UUID_SIZE];
	random_bytes(L, b, sizeof b);
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	ep_hex(hex, b, sizeof b);
	lua_pushfstring(L, "%s-%s-%s-%s-%s", lua_pushlstring(L, hex, 8), lua_pushlstring(L, hex + 8, 4),
		lua_pushlstring(L, hex + 12, 4), lua_pushlstring(L, hex + 16, 4), lua_pushlstring(L, hex + 20, 12));
	return 1;
}

static int crypto_equal(lua_State *L)
{
	size_t a_len, b_len;
	const char *a = luaL_checklstring(L, 1, &a_len), *b = luaL_checklstring(L, 2, &b_len);
	lua_pushboolean(L, ep_equal(a, a_len, b, b_len));
	return 1;
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int digit_of(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* Four digits for up to three bytes; '=' for those that are missing. */
static void add_group(luaL_Buffer *b, const char *bytes, size_t len)
{
	unsigned bits = 0;
	for (size_t i = 0; i < 3; i++) bits = bits << 8 | (i < len ? (unsigned char)bytes[i] : 0);
	for (size_t i = 0; i < 4; i++) luaL_addchar(b, i <= len ? digits[bits >> (18 - 6 * i) & 63] : '=');
}

static int crypto_base64_encode(lua_State *L)
{
	size_t len;
	const char *bytes = luaL_checklstring(L, 1, &len);
	luaL_Buffer b;
	luaL_buffinit(L, &b);
	for (size_t i = 0; i < len; i += 3) add_group(&b, bytes + i, len - i);
	luaL_pushresult(&b);
	return 1;
}

static int crypto_base64_decode(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	unsigned bits = 0, count = 0;
	luaL_Buffer b;
	while (len && text[len - 1] == '=') len--;
	luaL_buffinit(L, &b);
	for (size_t i = 0; i < len; i++) {
		int digit = digit_of(text[i]);
		if (digit < 0) return 0;
		bits = bits << 6 | (unsigned)digit;
		count += 6;
		if (count < 8) continue;
		count -= 8;
		luaL_addchar(&b, (char)(bits >> count & 0xff));
	}
	if (len % 4 == 1) return 0;
	luaL_pushresult(&b);
	return 1;
}

static const luaL_Reg functions[] = {{"sha1", crypto_sha1}, {"sha256", crypto_sha256}, {"random", crypto_random},
	{"hex", crypto_hex}, {"uuid", crypto_uuid}, {"equal", crypto_equal}, {"base64_encode", crypto_base64_encode},
	{"base64_decode", crypto_base64_decode}, {NULL, NULL}};

int epl_open_crypto(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heavy libraries of the program (libcurl brings thirty others) are loaded by the first call of one of their
 * functions, not by each start: most of the time of a short script would go there. The code that calls them does not
 * know. lazy.def, made from the symbols that libepact.a leaves open, has one line for each function:
 *
 *     LAZY("libcurl.so.4", curl_easy_init)
 *
 * Each becomes a function of that name which jumps through a slot. The slot leads to bind_saved at first, which keeps
 * all registers that may hold arguments, lets bind put the real address into the slot, and goes there: what the dynamic
 * linker does with lazy binding, one step earlier. x86-64 only; elsewhere the program is linked as usual.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct entry {
	void **slot;
	const char *library;
	const char *function;
};

/* A descriptor that is given up to load a library when the script has used up all others. */
static int spare = -1;

/* Not one of the standard descriptors, which may be closed yet. */
__attribute__((constructor)) static void keep_spare(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	spare = fd < 0 || fd > STDERR_FILENO ? fd : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (spare != fd) close(fd);
}

static void *load(const char *name)
{
	void *library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
	if (library || spare < 0) return library;
	close(spare);
	library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
	keep_spare();
	return library;
}

__attribute__((used)) static void *bind(const struct entry *entry)
{
	void *library = load(entry->library);
	void *function = library ? dlsym(library, entry->function) : NULL;
	if (!function) {
		fprintf(stderr, "epact: %s\n", dlerror());
		_exit(127);
	}
	__atomic_store_n(entry->slot, function, __ATOMIC_RELEASE);
	return function;
}

/* clang-format off */
/* Nine words are pushed onto a stack that a call left 8 bytes off: it is aligned to 16 for the call of bind. */
__asm__(
	".text\n"
	".type bind_saved, @function\n"
	"bind_saved:\n"
	"	.cfi_startproc\n"
	"	push %rdi\n	push %rsi\n	push %rdx\n	push %rcx\n	push %r8\n	push %r9\n	push %rax\n	push %r10\n	push %r11\n"
	"	.cfi_adjust_cfa_offset 72\n"
	"	sub $128, %rsp\n"
	"	.cfi_adjust_cfa_offset 128\n"
	"	movaps %xmm0, 0(%rsp)\n	movaps %xmm1, 16(%rsp)\n	movaps %xmm2, 32(%rsp)\n	movaps %xmm3, 48(%rsp)\n"
	"	movaps %xmm4, 64(%rsp)\n	movaps %xmm5, 80(%rsp)\n	movaps %xmm6, 96(%rsp)\n	movaps %xmm7, 112(%rsp)\n"
	"	mov %r11, %rdi\n"
	"	call bind\n"
	"	movaps 0(%rsp), %xmm0\n	movaps 16(%rsp), %xmm1\n	movaps 32(%rsp), %xmm2\n	movaps 48(%rsp), %xmm3\n"
	"	movaps 64(%rsp), %xmm4\n	movaps 80(%rsp), %xmm5\n	movaps 96(%rsp), %xmm6\n	movaps 112(%rsp), %xmm7\n"
	"	add $128, %rsp\n"
	"	.cfi_adjust_cfa_offset -128\n"
	"	pop %r11\n"
	"	mov %rax, %r11\n"
	"	pop %r10\n	pop %rax\n	pop %r9\n	pop %r8\n	pop %rcx\n	pop %rdx\n	pop %rsi\n	pop %rdi\n"
	"	.cfi_adjust_cfa_offset -72\n"
	"	jmp *%r11\n"
	"	.cfi_endproc\n"
	".size bind_saved, . - bind_saved\n");

#define LAZY(library, function)                                  \
	__asm__(                                                     \
		".text\n"                                                \
		".globl " #function "\n"                                 \
		".hidden " #function "\n"                                \
		".type " #function ", @function\n"                       \
		#function ":\n"                                          \
		"	.cfi_startproc\n"                                    \
		"	endbr64\n"                                           \
		"	jmp *slot_" #function "(%rip)\n"                     \
		"first_" #function ":\n"                                 \
		"	endbr64\n"                                           \
		"	lea entry_" #function "(%rip), %r11\n"               \
		"	jmp bind_saved\n"                                    \
		"	.cfi_endproc\n"                                      \
		".size " #function ", . - " #function "\n"               \
		".section .rodata.lazy, \"a\"\n"                         \
		"library_" #function ": .string \"" library "\"\n"       \
		"name_" #function ": .string \"" #function "\"\n"        \
		".data\n"                                                \
		".balign 8\n"                                            \
		"slot_" #function ": .quad first_" #function "\n"        \
		"entry_" #function ": .quad slot_" #function             \
		", library_" #function ", name_" #function "\n"          \
		".text\n");
#include "lazy.def"
/* clang-format on */

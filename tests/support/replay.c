/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz entry on the files that are named, each in memory of just its size: a corpus as a plain test. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *name)
{
	FILE *f = fopen(name, "rb");
	if (!f || fseek(f, 0, SEEK_END) != 0) return -1;
	size_t size = (size_t)ftell(f);
	uint8_t *data = malloc(size ? size : 1);
	rewind(f);
	int rc = data && fread(data, 1, size, f) == size ? 0 : -1;
	if (!rc) LLVMFuzzerTestOneInput(data, size);
	free(data);
	fclose(f);
	return rc;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (replay(argv[i]) == 0) continue;
		fprintf(stderr, "%s: cannot be read\n", argv[i]);
		return 1;
	}
	printf("%d inputs\n", argc - 1);
	return argc > 1 ? 0 : 1;
}

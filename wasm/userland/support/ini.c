/* A reader of ini files: see ini.h. */
#include "ini.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Without spaces at both ends; it is cut in place. */
static char *trimmed(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

/* Ends the line where a comment begins: at its start, or behind a space. */
static void cut_comment(char *line)
{
	for (char *p = line; *p; p++) {
		if ((*p == ';' || *p == '#') && (p == line || isspace((unsigned char)p[-1]))) {
			*p = '\0';
			return;
		}
	}
}

static int setting(char *line, const char *section, ini_handler handler, void *user)
{
	char *equals = strpbrk(line, "=:");

	if (!equals)
		return 0;
	*equals = '\0';
	return handler(user, section, trimmed(line), trimmed(equals + 1));
}

int ini_parse(const char *filename, ini_handler handler, void *user)
{
	FILE *file = fopen(filename, "r");
	char *buffer = NULL, section[64] = "";
	size_t size = 0;
	int number = 0, wrong = 0;

	if (!file)
		return -1;
	while (!wrong && getline(&buffer, &size, file) >= 0) {
		char *line, *end;

		number++;
		cut_comment(buffer);
		line = trimmed(buffer);
		if (*line == '\0')
			continue;
		end = line + strlen(line) - 1;
		if (*line == '[' && *end == ']' && (size_t)(end - line) <= sizeof(section)) {
			*end = '\0';
			strcpy(section, trimmed(line + 1));
		} else if (*line == '[' || !setting(line, section, handler, user)) {
			wrong = number;
		}
	}
	free(buffer);
	fclose(file);
	return wrong;
}

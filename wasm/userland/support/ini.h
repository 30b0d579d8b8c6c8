/* What mkfs.xfs uses of inih, whose source Debian's mirrors have not all got: files of [section], name = value, # and ; comments. */
#ifndef INI_H
#define INI_H

typedef int (*ini_handler)(void *user, const char *section, const char *name, const char *value);

/* Answers 0, -1 if the file cannot be opened, or the first line that is no setting or that the handler refuses with 0. */
int ini_parse(const char *filename, ini_handler handler, void *user);

#endif

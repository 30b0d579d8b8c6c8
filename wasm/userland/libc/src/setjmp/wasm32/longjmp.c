/* setjmp.c has all: this file takes the place of musl's in the build. */

/* Programs start in ../../crt1.c: musl's crt1 is not built. */

/* What src/setjmp/wasm32/setjmp.c keeps is 20 bytes. */
typedef unsigned long __jmp_buf[8];

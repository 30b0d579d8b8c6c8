# Measures a network: TCP and UDP, one program as both ends.
"$CC" $CFLAGS -DNDEBUG nuttcp-6.1.2.c -o nuttcp.wasm
program nuttcp nuttcp.wasm fork

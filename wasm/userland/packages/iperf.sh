# Measures a network: TCP and UDP, in both directions, with threads. C++ without its library: support/c++ has what it asks for.
"$CC" $CFLAGS -x c++ -c -nostdinc++ -fno-exceptions -fno-rtti "$here/support/c++/runtime.cpp" -o runtime.o
export CXX="$CC -nostdinc++ -isystem $here/support/c++ -fno-exceptions -fno-rtti" CXXFLAGS="$CFLAGS" LIBS="$PWD/runtime.o" ac_cv_func_malloc_0_nonnull=yes
# Debian leaves a file out, and says so in Makefile.am.
autoreconf -fi
configure --disable-web100 --disable-kalman --disable-debuginfo
make -j"$jobs" -C compat
make -j"$jobs" -C src
program iperf src/iperf

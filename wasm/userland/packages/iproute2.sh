# Networks: ip, tc, ss, bridge.
cat >config.mk <<MK
AR:=$AR
CC:=$CC
CFLAGS += -DHAVE_SETNS -DNEED_STRLCPY
YACC:=bison
%.o: %.c
	\$(CC) \$(CFLAGS) \$(EXTRA_CFLAGS) \$(CPPFLAGS) -c -o \$@ \$<
MK
for part in lib ip tc misc bridge; do
	make -j"$jobs" -C $part CC="$CC" HOSTCC=gcc AR=$AR CCOPTS="$CFLAGS" SHARED_LIBS=n KERNEL_INCLUDE="$LKL_SYSROOT/include" LDLIBS="../lib/libutil.a ../lib/libnetlink.a -lm" \
		$(case $part in misc) echo ss ;; ip) echo ip ;; tc) echo tc ;; bridge) echo bridge ;; esac)
done
program ip ip/ip
program tc tc/tc
program ss misc/ss
program bridge bridge/bridge

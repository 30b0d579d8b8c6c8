# Networks: ip, tc, ss, bridge.
cat >config.mk <<MK
AR:=$AR
CC:=$CC
TC_CONFIG_NO_XT:=y
CFLAGS += -DHAVE_SETNS -DHAVE_HANDLE_AT -DNEED_STRLCPY
YACC:=bison
%.o: %.c
	\$(CC) \$(CFLAGS) \$(EXTRA_CFLAGS) \$(CPPFLAGS) -c -o \$@ \$<
MK
make -j"$jobs" HOSTCC=gcc CCOPTS="$CFLAGS -Wno-incompatible-pointer-types" SHARED_LIBS=n SUBDIRS='lib ip tc bridge misc'
program ip ip/ip
program tc tc/tc
program ss misc/ss
program bridge bridge/bridge

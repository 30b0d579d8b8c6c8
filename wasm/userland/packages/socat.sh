# Any stream to any other. Without TLS and line editing.
# Answers that configure would find out by running a program.
export sc_cv_type_longlong=yes sc_cv_termios_ispeed=no sc_cv_sys_crdly_shift=9 sc_cv_sys_tabdly_shift=11 sc_cv_sys_csize_shift=4 \
	ac_cv_have_z_modifier=yes sc_cv_getprotobynumber_r=0 ac_cv_ispeed_offset=13
configure --disable-openssl --disable-readline --disable-libwrap
make -j"$jobs" socat
program socat socat fork

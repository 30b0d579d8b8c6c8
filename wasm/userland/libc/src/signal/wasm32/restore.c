/* Never called: signal handlers return to __lkl_call(). */
void __restore(void)
{
}

void __restore_rt(void)
{
}

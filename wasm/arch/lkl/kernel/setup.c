// SPDX-License-Identifier: GPL-2.0-only
/* Boot: command line, console, entropy, memory; and how the kernel ends. */
#include <linux/console.h>
#include <linux/cpu.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/panic_notifier.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <asm/host.h>
#include <asm/setup.h>

struct lkl_shared lkl_shared = { .timer_ns = LKL_NEVER };

struct lkl_shared *lkl_get_shared(void);
LKL_EXPORT("shared") struct lkl_shared *lkl_get_shared(void)
{
	return &lkl_shared;
}

static void lkl_console_write(struct console *con, const char *text, unsigned int length)
{
	host_console_write(text, length);
}

static struct console lkl_console = {
	.name	= "lkl",
	.write	= lkl_console_write,
	.flags	= CON_PRINTBUFFER | CON_ENABLED,
	.index	= -1,
};

/* The host throws: nothing below ever returns into this kernel. */
static int lkl_panic(struct notifier_block *nb, unsigned long action, void *message)
{
	host_panic(message, strlen(message));
	return NOTIFY_DONE;
}

static struct notifier_block lkl_panic_block = {
	.notifier_call	= lkl_panic,
	.priority	= INT_MIN,	/* after all others */
};

static void lkl_halt(const char *how)
{
	host_panic(how, strlen(how));
}

void machine_restart(char *command)
{
	lkl_halt("restart");
}

void machine_halt(void)
{
	lkl_halt("halt");
}

void machine_power_off(void)
{
	lkl_halt("power off");
}

void (*pm_power_off)(void);

void __init setup_arch(char **cmdline_p)
{
	unsigned int length = host_command_line(boot_command_line, COMMAND_LINE_SIZE - 1);

	boot_command_line[length] = '\0';
	*cmdline_p = boot_command_line;
	register_console(&lkl_console);
	atomic_notifier_chain_register(&panic_notifier_list, &lkl_panic_block);
	parse_early_param();
	lkl_mm_setup();
}

/* /proc/cpuinfo */
static void *lkl_cpuinfo_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? NULL : m;
}

static void *lkl_cpuinfo_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return NULL;
}

static void lkl_cpuinfo_stop(struct seq_file *m, void *v)
{
}

static int lkl_cpuinfo_show(struct seq_file *m, void *v)
{
	seq_puts(m, "processor\t: 0\nmodel name\t: WebAssembly (wasm32)\n");
	return 0;
}

const struct seq_operations cpuinfo_op = {
	.start	= lkl_cpuinfo_start,
	.next	= lkl_cpuinfo_next,
	.stop	= lkl_cpuinfo_stop,
	.show	= lkl_cpuinfo_show,
};

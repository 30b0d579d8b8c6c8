# Where stacks change hands: the C stack pointer is one wasm global for all threads of an instance, so an import that may
# suspend is called through here, which keeps it in a local of the engine's own stack.
	.globaltype	__stack_pointer, i32

# call(self, number, args): the host's answer.
	.functype	__lkl_import_call (i32, i32, i32) -> (i32)
	.import_module	__lkl_import_call, lkl
	.import_name	__lkl_import_call, call

	.text
	.hidden	__lkl_trampoline
	.globl	__lkl_trampoline
	.type	__lkl_trampoline,@function
__lkl_trampoline:
	.functype	__lkl_trampoline (i32, i32, i32) -> (i32)
	.local	i32
	global.get	__stack_pointer
	local.set	3
	local.get	0
	local.get	1
	local.get	2
	call	__lkl_import_call
	local.get	3
	global.set	__stack_pointer
	end_function

# Export thread(stack, thread pointer, self, function, argument): the host calls it on a new stack of the engine.
	.functype	__lkl_thread_main (i32, i32, i32, i32) -> ()
	.globl	__lkl_thread_entry
	.type	__lkl_thread_entry,@function
	.export_name	__lkl_thread_entry, thread
__lkl_thread_entry:
	.functype	__lkl_thread_entry (i32, i32, i32, i32, i32) -> ()
	local.get	0
	global.set	__stack_pointer
	local.get	1
	local.get	2
	local.get	3
	local.get	4
	call	__lkl_thread_main
	end_function

# The exception that longjmp() throws: clang expects the C library to have its tag.
	.tagtype	__c_longjmp i32
	.globl	__c_longjmp
__c_longjmp:

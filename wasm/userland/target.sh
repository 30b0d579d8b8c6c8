# What all code for our kernel's programs is compiled with; sourced by the scripts here.

# Exceptions in the old encoding: Node 24 does not know the new one, and they are for setjmp() and longjmp() alone.
target_flags=(
	--target=wasm32-unknown-unknown
	-mbulk-memory -msign-ext -mmutable-globals -mnontrapping-fptoint
	-mexception-handling -mllvm -wasm-enable-sjlj -mllvm -wasm-use-legacy-eh=true
	-fno-stack-protector
)

/** Code of scripts, beside what CPython 3.11 printed for the same lines. */

import { expect, it } from 'vitest';
import { compile, Python } from './python.ts';

function printed(code: string): readonly string[] {
  const lines: string[] = [];
  new Python((line) => lines.push(line)).run(compile(code), new Map([['tcpi_snd_cwnd', 10]]));
  return lines;
}

function refused(code: string): string {
  try {
    return `no error: ${printed(code).join()}`;
  } catch (cause) {
    return cause instanceof Error ? `${cause.constructor.name}: ${cause.message}` : String(cause);
  }
}

it.each<[string, string, readonly string[]]>([
  [
    'functions, with arguments by name, by default and none',
    `
def f(x, y=3):
    if x > 2:
        return x * y
    elif x == 2:
        return 'two'
    else:
        pass
print(f(1), f(2), f(3), f(4, y=10))
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
print(fib(15))
def g():
    global x
    x = 9
g(); print(x)`,
    ['None two 9 40', '610', '9'],
  ],
  [
    'loops that are broken off, gone on with, and not',
    `
total = 0
for i in range(10):
    if i == 3: continue
    if i == 8:
        break
    total += i
else:
    print('never')
n = 0
while n < 5:
    n += 1
else:
    print(total, n)
for i, (p, q) in enumerate([(1, 2), (3, 4)]):
    if i: print(p, q)
    else:
        print('first')`,
    ['25 5', 'first', '3 4'],
  ],
  [
    'lists, tuples and dictionaries',
    `
a, b = 1, (2, 3)
d = {'a': 1, 'b': [1, 2]}
d['b'].append(9)
for k, v in d.items():
    print(k, v)
l = [3, 1, 2]
m = l
l[0] = 10
l += [4]
l.sort(reverse=True)
print(m, l[1:], l[::-1], l[-1], 'abc'[1:], sorted(l, key=lambda q: -q))
del l[0]
print(a, b, [x * x for x in range(5) if x % 2 == 0], sum(x for x in range(4)), (1,), m, d.get('z', 7), 'a' in d)
print(list(zip([1, 2], [3, 4])), max(3, 5), divmod(7, 2), [1, 2] == [1, 2], [0] * 2, l.index(2), b[0:1])`,
    [
      'a 1',
      'b [1, 2, 9]',
      '[10, 4, 2, 1] [4, 2, 1] [1, 2, 4, 10] 1 bc [10, 4, 2, 1]',
      '1 (2, 3) [0, 4, 16] 6 (1,) [4, 2, 1] 7 True',
      '[(1, 3), (2, 4)] 5 (3, 1) True [0, 0] 1 (2,)',
    ],
  ],
  [
    'what is written into text',
    `
import math
print('%5.2f|%-5s|%05d|%x|%(a)d' % {'a': 1} if False else '%5.2f|%-5s|%05d|%x' % (3.14159, 'ab', 42, 255))
print('{0:>6}|{1}|{n:.1f}'.format('x', 2, n=2.55), f"cwnd={tcpi_snd_cwnd:4d} {tcpi_snd_cwnd!r} {{ok}}", math.ceil(2.1))
print('%(a)d' % {'a': 1}, ', '.join(['a', 'b']), 'a b'.split(), hex(-255), round(2.5), round(3.5))`,
    [' 3.14|ab   |00042|ff', '     x|2|2.5 cwnd=  10 10 {ok} 3', "1 a, b ['a', 'b'] -0xff 2 4"],
  ],
  [
    'what is not come to is not asked for: and, or, if',
    'print(0 and 1 // 0, 1 or 1 // 0, 1 if True else 1 // 0, -2 ** 2, 7 // -2, -7 % 3)',
    ['0 1 1 -4 -4 2'],
  ],
  [
    'lines behind the first, whose place nobody sees',
    'if tcpi_snd_cwnd > 5:\n       print(1)\n   else:\n       print(2)',
    ['1'],
  ],
])('%s', (_, code, lines) => {
  expect(printed(code)).toEqual(lines);
});

it.each<[string, string]>([
  ['assert 1 == 2, (1, "a")', "AssertionFailed: AssertionError: (1, 'a')"],
  ['class A: pass', 'ScriptError: code: Python\'s "class" is not supported'],
  ['try:\n  pass\nexcept: pass', 'ScriptError: code: Python\'s "try" is not supported'],
  ['from a import b', 'ScriptError: code: Python\'s "from" is not supported'],
  ['if 0:\n  class A: pass', 'ScriptError: code: Python\'s "class" is not supported'],
  ['\nif 1:\nprint(1)', 'ScriptError: code: a block that stands further in was expected'],
  ['if 1:\n    print(1)\n      print(2)', 'ScriptError: code: a line stands further in at "print"'],
  ['def f():\n        if 1:\n            pass\n          x = 1', 'ScriptError: code: '],
  ['while 1: pass', 'ScriptError: code: it did not end within 2000000 steps'],
  ['x = [0]\nwhile 1: x += x', 'ScriptError: code: more than 1000000 elements'],
  ['x = range(1000000)\nfor i in x: sum(x)', 'ScriptError: code: it did not end within'],
  ['x = "ab" * 500000\nfor i in range(100000): x.replace("a", "b")', 'ScriptError: code: it did not end within'],
  ['def f(): return f()\nf()', 'ScriptError: code: functions call each other more than 100 deep'],
  ['x = []\nx.append(x)\nprint(len(str(x)) < 200)\nx[3]', 'ScriptError: code: there is no element 3'],
  ['"ab"[1] = 2', 'ScriptError: code: '],
  ['return 1', 'ScriptError: code: "return" outside of a function'],
  ['break', 'ScriptError: code: "break" outside of a loop'],
  ['import os\nos.system("x")', 'ScriptError: code: os has no "system" here'],
  ['x = {1, 2}', 'ScriptError: code: sets are not supported'],
  ['f = "%d %d" % 1', 'ScriptError: code: not enough values for the format'],
  ['len.constructor', 'ScriptError: code: <function len> has no "constructor" here'],
  ['"".__proto__', 'ScriptError: code: \'\' has no "__proto__" here'],
])('%s', (code, error) => {
  expect(refused(code).startsWith(error), refused(code)).toBe(true);
});

it('keeps variables and functions from one piece to the next', () => {
  const lines: string[] = [];
  const python = new Python((line) => lines.push(line));
  python.run(compile(' seen = []\n def note(x):\n     seen.append(x + tcpi_rtt)'), new Map([['tcpi_rtt', 1]]));
  python.run(compile('note(1)'), new Map([['tcpi_rtt', 10]]));
  python.run(compile('note(2); print(seen)'), new Map([['tcpi_rtt', 100]]));
  expect(lines).toEqual(['[11, 102]']);
});

it.each<[string, string]>([
  ['the length of a long text', 's = "a" * 1000000\nwhile True: len(s)'],
  ['methods of a long text', 's = "a" * 1000000\nwhile True: s.upper()'],
  ['a look for a text in a long one', 's = "a" * 1000000\nwhile True: "b" in s'],
  ['texts that are compared', 's = "a" * 1000000\nt = "a" * 999999 + "a"\nwhile True: s == t'],
  ['a number of a million digits', 's = "1" * 1000000\nwhile True: float(s)'],
  ['lists that are sorted', 's = list(range(100000))\nwhile True: s.sort()'],
  ['elements that are moved', 's = [0] * 999000\nwhile True:\n  s.insert(0, 1)\n  s.pop(0)'],
  ['lists of a million elements', 's = []\nwhile True: s.append([0] * 1000000)'],
  ['a text of many long ones', 'str(["a" * 1000000] * 400)'],
  ['nothing, for ever', 'x = "" * (10 ** 20)\nwhile True: pass'],
])('%s ends a piece of code soon', (_, code) => {
  expect(refused(code)).toBe('ScriptError: code: it did not end within 2000000 steps');
});

it.each<[string, string, string]>([
  ['replace', 's = "a" * 1000000\ns.replace("", "b" * 400)', 'more than 1000000 elements'],
  ['an f-string', 'a = "aaaaaaaa"\nwhile True: a = f"{a}{a}"', 'more than 1000000 elements'],
  ['a format', 'a = "aaaaaaaa"\nwhile True: a = "%s%s" % (a, a)', 'more than 1000000 elements'],
  ['a list that is repeated by no number', '[] * 1e999', 'Infinity is no whole number'],
  ['print', 's = "a" * 1000\nwhile True: print(s)', 'it printed more than 1000000 characters'],
])('%s makes no text that memory has no room for', (_, code, message) => {
  expect(refused(code)).toBe(`ScriptError: code: ${message}`);
});

it('braces that do not end are read once', () => {
  expect(refused(`f"{${'a'.repeat(300_000)}"`)).toMatch(/^ScriptError: code: the braces of/);
});

it('an element of a list costs no more than the element', () => {
  expect(printed('l = list(range(1000))\nx = 0\nfor i in range(5000): x += l[i % 1000]\nprint(x)')).toEqual([
    '2497500',
  ]);
});

it('all pieces of a script share what they may do', () => {
  const python = new Python(() => {});
  const piece = compile('for i in range(200000): pass');
  const names = new Map();
  expect(() => {
    for (let i = 0; i < 10; i++) python.run(piece, names);
  }).toThrow('it did not end within 2000000 steps');
});

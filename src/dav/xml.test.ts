/** XML with namespaces, read and written. */

import { expect, it } from 'vitest';
import { contentXml, readXml, textOf, wrapped, writeXml } from './xml.ts';

it('is the same element when it is read from what was written', () => {
  const element = readXml(
    '<?xml version="1.0"?><a:r xmlns:a="urn:a" xmlns="urn:d" b="1" a:c="2" xml:lang="de"><i/>t&#233;&lt;<n xmlns=""/></a:r>',
  );
  expect(element).toMatchObject({
    ns: 'urn:a',
    local: 'r',
    children: [{ ns: 'urn:d', local: 'i' }, 'té<', { ns: '', local: 'n' }],
  });
  expect(textOf(element)).toBe('té<');
  expect(readXml(writeXml(element))).toEqual(element);
  expect(readXml(wrapped(element, contentXml(element)))).toEqual(element);
});

it.each([
  ['an element that does not end', '<a><b></a>'],
  ['a namespace that nobody declared', '<x:a/>'],
  ['an empty namespace with a prefix', '<a xmlns:x=""/>'],
  ['an entity of its own', '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'],
  ['nothing', ''],
])('refuses %s', (_, text) => {
  expect(() => readXml(text)).toThrow();
});

it.each([1000, 200_000])('says of %i elements in each other that there are too many', (levels) => {
  expect(() => readXml('<a>'.repeat(levels) + '</a>'.repeat(levels))).toThrow('more than 64 elements in each other');
});

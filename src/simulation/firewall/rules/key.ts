/** Keys of maps and sets that packets make: one operand or several, brought into registers. */

import type { Place } from '../../plan/issue.ts';
import { only } from '../json.ts';
import { readConcatenation, readOperand } from './operand.ts';
import { REGISTER, type RuleContext } from './rule-context.ts';

/** A key of one or several parts in registers; what it is of. */
export function loadKey(place: Place, json: unknown, context: RuleContext) {
  const [kind, parts] = only(json) ?? [];
  if (kind === 'concat') {
    const operand = readConcatenation(place.at('concat'), parts, context);
    return operand && { types: operand.types, steps: operand.load() };
  }
  const operand = readOperand(place, json, context);
  return operand && { types: [operand.type], steps: operand.load(REGISTER) };
}

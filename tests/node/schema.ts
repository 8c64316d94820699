// JSON Schema, as far as docs/openapi.yaml uses it. A word that is not known is an error, so that
// nothing in the contract goes unchecked.
import type { Yaml } from './yaml.js';

export type Schema = { [key: string]: Yaml };

const words = new Set([
  '$ref', 'type', 'enum', 'pattern', 'required', 'properties', 'additionalProperties', 'items', 'oneOf', 'minimum',
  'maximum', 'format', 'description', 'default',
]);

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

export class Validator {
  constructor(private readonly root: Schema) {}

  resolve(schema: Schema): Schema {
    const ref = schema['$ref'];
    if (typeof ref !== 'string') return schema;
    const found = ref.slice(2).split('/').reduce<Yaml | undefined>((at, key) => (at as Schema | undefined)?.[key], this.root);
    if (!found) throw new Error(`${ref} leads nowhere`);
    return this.resolve(found as Schema);
  }

  /** What is wrong with the value; [] when it fits. */
  check(value: unknown, unresolved: Schema, where = '$'): string[] {
    const schema = this.resolve(unresolved);
    const unknown = Object.keys(schema).filter((word) => !words.has(word));
    if (unknown.length) throw new Error(`schema words that are not checked: ${unknown.join(', ')}`);
    return [
      ...this.checkType(value, schema, where),
      ...this.checkValue(value, schema, where),
      ...this.checkMembers(value, schema, where),
    ];
  }

  private checkType(value: unknown, schema: Schema, where: string): string[] {
    const wanted = schema['type'];
    if (wanted === undefined) return [];
    const types = Array.isArray(wanted) ? wanted : [wanted];
    const is = typeOf(value);
    return types.includes(is) || (is === 'integer' && types.includes('number')) ? [] : [`${where} is ${is}, not ${types.join(' or ')}`];
  }

  private checkValue(value: unknown, schema: Schema, where: string): string[] {
    const out: string[] = [];
    const { enum: choices, pattern, minimum, maximum, format, oneOf } = schema;
    if (Array.isArray(choices) && !choices.includes(value as Yaml)) out.push(`${where} is ${String(value)}, none of ${choices.join(', ')}`);
    if (typeof value === 'string') {
      if (typeof pattern === 'string' && !new RegExp(pattern).test(value)) out.push(`${where} does not match ${pattern}`);
      if (format === 'date-time' && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value)) out.push(`${where} is no time`);
    }
    if (typeof value === 'number') {
      if (typeof minimum === 'number' && value < minimum) out.push(`${where} is below ${minimum}`);
      if (typeof maximum === 'number' && value > maximum) out.push(`${where} is above ${maximum}`);
    }
    if (Array.isArray(oneOf)) {
      const fits = oneOf.filter((one) => this.check(value, one as Schema, where).length === 0).length;
      if (fits !== 1) out.push(`${where} fits ${fits} of the choices`);
    }
    return out;
  }

  private checkMembers(value: unknown, schema: Schema, where: string): string[] {
    const out: string[] = [];
    if (Array.isArray(value) && schema['items']) {
      value.forEach((item, i) => out.push(...this.check(item, schema['items'] as Schema, `${where}[${i}]`)));
    }
    if (typeOf(value) !== 'object') return out;
    const members = value as { [key: string]: unknown };
    const properties = (schema['properties'] ?? {}) as { [key: string]: Yaml };
    for (const name of (schema['required'] ?? []) as string[]) if (!(name in members)) out.push(`${where}.${name} is missing`);
    for (const [name, member] of Object.entries(members)) {
      const rule = properties[name];
      if (rule) out.push(...this.check(member, rule as Schema, `${where}.${name}`));
      // What the server sends must be described; a schema without properties takes anything.
      else if (Object.keys(properties).length) out.push(`${where}.${name} is not described`);
      else if (typeOf(schema['additionalProperties']) === 'object') out.push(...this.check(member, schema['additionalProperties'] as Schema, `${where}.${name}`));
    }
    return out;
  }
}

import { duckdb, formatDialect } from 'sql-formatter';

/** SQL with lines and indents; throws on what it cannot read. */
export function formatSql(sql: string): string {
  return formatDialect(sql, { dialect: duckdb, keywordCase: 'preserve', tabWidth: 2, expressionWidth: 80, paramTypes: { custom: [{ regex: '\\{\\{[^}]*\\}\\}' }, { regex: '\\{%[^%]*%\\}' }] } });
}

// Files that become tables: their names.

/** "Sales 2026 (final).csv" → sales_2026_final: letters, digits and _, beginning with a letter. */
export function tableNameOf(file: string): string {
  const base = file.replace(/^.*[\\/]/, '').replace(/\.[^.]*$/, '');
  const plain = base
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/ß/g, 'ss')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+/, '');
  const named = /^[0-9]/.test(plain) ? `t_${plain}` : plain;
  return named.slice(0, 60).replace(/_+$/, '') || 'upload';
}

export const isTableName = (name: string): boolean => /^[a-z][a-z0-9_]{0,62}$/.test(name);

/** Small facts that an object keeps by name in its SQLite, as JSON. */

export class Notes {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec('CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, json TEXT)');
  }

  get<T>(name: string): T | undefined {
    const [row] = this.#sql.exec<{ json: string }>('SELECT json FROM notes WHERE name = ?', name).toArray();
    return row && (JSON.parse(row.json) as T);
  }

  put(name: string, value: unknown): void {
    this.#sql.exec('INSERT OR REPLACE INTO notes VALUES (?, ?)', name, JSON.stringify(value));
  }
}

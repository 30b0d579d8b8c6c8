/** The Worker's entry. No logic. */

import { app } from './app.ts';

export { AuditTrail, Dav, Ledger, Session, SessionIndex, TokenRegistry } from './app.ts';
export default app;

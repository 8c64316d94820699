// Transactions of the server have no ids.
import { mysql, use } from './mysql.js';

mysql.gtids = ['--gtid-mode=OFF', '--enforce-gtid-consistency=OFF'];
use(mysql);

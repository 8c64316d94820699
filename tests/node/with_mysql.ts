import { mysql, use } from './mysql.js';

use(mysql);

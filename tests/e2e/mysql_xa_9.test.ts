// The same with a real MySQL.
import '../node/with_mysql.js';
import './mysql_xa.test.js';

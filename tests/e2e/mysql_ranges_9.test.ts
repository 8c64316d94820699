// The same with a real MySQL.
import '../node/with_mysql.js';
import './mysql_ranges.test.js';

// The same with a real MySQL.
import '../node/with_mysql.js';
import './mysql_statement.test.js';

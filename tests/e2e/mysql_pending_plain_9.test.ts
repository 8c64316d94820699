// The same with a real MySQL, without GTIDs.
import '../node/with_mysql_plain.js';
import './mysql_pending.test.js';

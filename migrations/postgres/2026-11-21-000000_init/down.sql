DROP TABLE turns;
DROP TABLE messages;
DROP TABLE participants;
DROP TABLE conversations;
DROP TABLE users;
DROP TABLE server_state;

-- The roles of Bando and its database, once for each server: psql -f roles.sql as the superuser, on the primary.
-- Passwords are set afterwards, where no file and no log keeps them:   \password bando_app   and so on.

-- Owns the tables and changes them; for `bando migrate` alone (BANDO_DATABASE_OWNER_URL).
CREATE ROLE bando_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
-- Serves (DATABASE_URL): sees the rows of the ISP that a transaction is for, and no others.
CREATE ROLE bando_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
-- Sees the rows of all ISPs, and owns nothing; for `bando db copy` and `bando tenant import` (BANDO_DATABASE_PLATFORM_URL).
CREATE ROLE bando_platform LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE BYPASSRLS;
-- Reads the stream of the primary, and no tables.
CREATE ROLE bando_replica LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;

CREATE DATABASE bando OWNER bando_owner ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0;
REVOKE ALL ON DATABASE bando FROM PUBLIC;
GRANT CONNECT ON DATABASE bando TO bando_owner, bando_app, bando_platform;
-- `bando tenant import` keeps old and new hashes beside each other as long as it runs.
GRANT TEMPORARY ON DATABASE bando TO bando_platform;

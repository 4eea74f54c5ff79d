-- MySQL dump 10.13  Distrib 8.0
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `tbl_appconfig`;
CREATE TABLE `tbl_appconfig` (
  `id` int NOT NULL AUTO_INCREMENT,
  `setting` mediumtext NOT NULL,
  `value` mediumtext,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB;
INSERT INTO `tbl_appconfig` VALUES (1,'CompanyName','Mama Njeri''s; \'Wi-Fi\' (VALUES)'),(6,'timezone','Africa/Nairobi');
CREATE TABLE `tbl_bandwidth` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `name_bw` varchar(255) NOT NULL,
  `rate_down` int unsigned NOT NULL,
  `rate_down_unit` enum('Kbps','Mbps') NOT NULL,
  `rate_up` int unsigned NOT NULL,
  `rate_up_unit` enum('Kbps','Mbps') NOT NULL,
  `burst` varchar(128) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`)
);
INSERT INTO `tbl_bandwidth` VALUES (1,'5M',5,'Mbps',2,'Mbps','');
CREATE TABLE `tbl_customers` (
  `id` int NOT NULL,
  `username` varchar(45) NOT NULL,
  `password` varchar(45) NOT NULL,
  `fullname` varchar(45) NOT NULL,
  `phonenumber` varchar(20) DEFAULT '0',
  `mac_address` varchar(20) DEFAULT NULL
);
INSERT INTO `tbl_customers` VALUES (1,'0712345678','pw','Jane; DROP TABLE `x`','0712345678','02-AA-00-00-00-04'),(2,'otieno','pw','O\\\'Tieno','0',NULL);
INSERT INTO `tbl_logs` VALUES (1,'2026-01-01 00:00:00','User','it''s; (a) log','1','::1');
CREATE TABLE `tbl_plans` (
  `id` int NOT NULL,
  `name_plan` varchar(40) NOT NULL,
  `id_bw` int NOT NULL,
  `price` varchar(40) NOT NULL,
  `type` enum('Hotspot','PPPOE','Balance') NOT NULL,
  `typebp` enum('Unlimited','Limited') DEFAULT NULL,
  `limit_type` enum('Time_Limit','Data_Limit','Both_Limit') DEFAULT NULL,
  `time_limit` int unsigned DEFAULT NULL,
  `time_unit` enum('Mins','Hrs') DEFAULT NULL,
  `data_limit` int unsigned DEFAULT NULL,
  `data_unit` enum('MB','GB') DEFAULT NULL,
  `validity` int NOT NULL,
  `validity_unit` enum('Mins','Hrs','Days','Months','Period') NOT NULL,
  `shared_users` int DEFAULT NULL,
  `routers` varchar(32) NOT NULL
);
INSERT INTO `tbl_plans` VALUES
(1,'Siku moja',1,'50','Hotspot','Unlimited',NULL,NULL,NULL,NULL,NULL,1,'Days',1,'r1'),
(2,'2 GB',1,'100','Hotspot','Limited','Data_Limit',0,'Hrs',2,'GB',1,'Months',2,'r1'),
(3,'5 online hours',0,'70','Hotspot','Limited','Time_Limit',5,'Hrs',0,'MB',7,'Days',1,'r1'),
(4,'Home fibre',1,'2000','PPPOE','Unlimited',NULL,NULL,NULL,NULL,NULL,1,'Months',1,'r1');
CREATE TABLE `tbl_user_recharges` (
  `id` int NOT NULL, `customer_id` int NOT NULL, `username` varchar(32) NOT NULL, `plan_id` int NOT NULL,
  `namebp` varchar(40) NOT NULL, `recharged_on` date NOT NULL, `recharged_time` time NOT NULL, `expiration` date NOT NULL,
  `time` time NOT NULL, `status` varchar(20) NOT NULL, `method` varchar(128) NOT NULL, `routers` varchar(32) NOT NULL,
  `type` varchar(15) NOT NULL, `admin_id` int NOT NULL DEFAULT '1', PRIMARY KEY (`id`)
);
INSERT INTO `tbl_user_recharges` VALUES
(1,1,'0712345678',1,'Siku moja','2026-01-01','08:00:00','END_DAY','END_TIME','on','mpesa','r1','Hotspot',1),
(2,2,'otieno',1,'Siku moja','2026-01-01','08:00:00','END_DAY','END_TIME','on','Voucher - NUXUSED12345','r1','Hotspot',1),
(3,2,'nobody',1,'Siku moja','2026-01-01','08:00:00','END_DAY','END_TIME','on','cash','r1','Hotspot',1),
(4,1,'0712345678',2,'2 GB','2025-01-01','08:00:00','OVER_DAY','10:00:00','on','cash','r1','Hotspot',1);
CREATE TABLE `tbl_voucher` (
  `id` int NOT NULL, `type` enum('Hotspot','PPPOE') NOT NULL, `routers` varchar(32) NOT NULL, `id_plan` int NOT NULL,
  `code` varchar(55) NOT NULL, `user` varchar(45) NOT NULL, `status` varchar(25) NOT NULL, `generated_by` int NOT NULL
);
INSERT INTO `tbl_voucher` VALUES (1,'Hotspot','r1',1,'NUXAB12CD34X','0','0',1),(2,'Hotspot','r1',2,'NUXZZ98YY76Q','0','0',1),
(3,'Hotspot','r1',1,'NUXUSED12345','otieno','1',1),(4,'PPPOE','r1',4,'NUXPPPOE1234','0','0',1),(5,'Hotspot','r1',9,'NUXNOPLAN123','0','0',1);

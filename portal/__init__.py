"""Bando: a captive-portal hotspot and voucher service for MikroTik routers."""

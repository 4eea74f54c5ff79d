# The tunnel of router 1 of ISP 1 (RouterOS 7). The private key is made here and stays here.
/interface wireguard add name=bando listen-port=13231 mtu=1380
/interface wireguard peers add interface=bando public-key="PUT-THE-PUBLIC-KEY-OF-THE-HUB-HERE" \
    preshared-key="PUT-THE-SHARED-KEY-HERE" endpoint-address=hub.example.co.ke endpoint-port=51820 \
    allowed-address=10.64.0.1/32 persistent-keepalive=25s
/ip address add address=10.64.4.1/32 network=10.64.0.1 interface=bando
/ip route add dst-address=10.64.0.1/32 gateway=bando
# The hub alone reaches this router through the tunnel, and at the API alone. These come before the other rules of the
# filter; a router that has none yet takes them without place-before.
/ip firewall filter add chain=input in-interface=bando src-address=10.64.0.1 protocol=tcp dst-port=8728,8729 action=accept place-before=0
/ip firewall filter add chain=input in-interface=bando src-address=10.64.0.1 protocol=udp dst-port=3799 action=accept place-before=1
/ip firewall filter add chain=input in-interface=bando connection-state=established,related action=accept place-before=2
/ip firewall filter add chain=input in-interface=bando action=drop place-before=3
:put [/interface wireguard get bando public-key]

--- guide, block 1
dst_port = 80 AND pname = 'curl'
--- guide, block 2
SELECT * FROM packets WHERE dst_port = 80 UNION SELECT * FROM packets WHERE dst_port = 8080
--- guide, block 3
dst_port IN (80, 443)
--- guide, block 4
src_ip != '127.0.0.1' AND dst_ip != '127.0.0.1' AND src_ip != '::1'
--- guide, block 5
src_ip LIKE '192.168.1.%'
--- guide, block 6
pname = 'python' OR pname LIKE 'chrome%'
--- guide, block 7
dst_port != 53 AND pname != 'mDNSResponder'
--- guide, block 8
is_binary = false AND (payload_utf8 LIKE '%password%' OR payload_utf8 LIKE '%token%')
--- guide, block 9
is_binary = false AND payload_utf8 LIKE 'GET %'
--- guide, block 10
is_binary = false AND payload_utf8 LIKE '%baidu.com%'
--- guide, block 11
is_binary = false AND payload_utf8 LIKE '{%}'
--- guide, block 12
(src_ip = '10.0.0.5' OR dst_port = 3306) AND length < 1000
--- guide, block 13
SELECT * FROM packets WHERE pname = 'curl'
UNION
SELECT * FROM packets WHERE pname = 'wget'
--- README, block 1
dst_port = 443 AND pname = 'chrome'
--- README, block 2
SELECT * FROM packets WHERE dst_port IN (80, 443) 
UNION 
SELECT * FROM packets WHERE pname LIKE 'python%'
--- README, inline 1
dst_port IN (80, 443)
--- README, inline 2
pname = 'curl'
--- README, inline 3
src_ip LIKE '192.168.1.%'
--- README, inline 4
payload_utf8 LIKE '%password%'
--- guide, inline 1
lower(pname) = 'curl'

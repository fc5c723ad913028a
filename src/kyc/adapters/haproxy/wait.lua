-- The waiting room: a request that found no usable server sleeps here until there is one, or gets 503.
-- Arguments of the action: backend, seconds it may wait, how many may wait at once, seconds to say in Retry-After.
-- One that comes again, its server being gone already or its worker about to end, has waited some of its time. One
-- from a worker that ends may not have to wait at all.
local UNTIL = "x-kyc-waits-until"
local rooms = {}
local turn = 0

local function room_of(name)
  rooms[name] = rooms[name] or { seen = {}, count = 0, counted = 0 }
  return rooms[name]
end

local function now_s()
  local now = core.now()
  return now.sec + now.usec / 1000000
end

-- A waiter that is gone (its client went away) says nothing more, so it is not counted after a second.
local function count(room)
  local at = now_s()
  if at - room.counted > 0.1 then
    room.counted, room.count = at, 0
    for id, seen in pairs(room.seen) do
      if at - seen > 1 then room.seen[id] = nil else room.count = room.count + 1 end
    end
  end
  return room.count
end

local function is_served(backend)
  return tonumber(core.backends[backend]:get_stats().act or 0) > 0
end

-- Whether this worker ends. A truth is 1 or 0 to Lua, and 0 is true there.
local function ends(txn)
  local said = txn.f:stopping()
  return said == 1 or said == true
end

local function deadline_of(txn, wait_s)
  local last = now_s() + tonumber(wait_s)
  local earlier = tonumber(txn.f:req_hdr(UNTIL) or "")
  return earlier and math.min(earlier, last) or last
end

local function refuse(txn, again_s)
  local headers = { ["retry-after"] = { again_s }, ["content-type"] = { "text/plain" } }
  txn:done(txn:reply({ status = 503, headers = headers, body = "no replica is ready\n" }))
end

core.register_action("kyc_wait", { "http-req" }, function(txn, backend, wait_s, most, again_s)
  local deadline = deadline_of(txn, wait_s)
  if now_s() > deadline then return refuse(txn, again_s) end
  txn.http:req_set_header(UNTIL, string.format("%.3f", deadline))
  if is_served(backend) then return end
  local room = room_of(backend)
  if count(room) >= tonumber(most) then return refuse(txn, again_s) end
  turn = turn + 1
  local id, served = turn, false
  room.count = room.count + 1
  while not served and now_s() < deadline do
    room.seen[id] = now_s()
    core.msleep(20)
    served = is_served(backend) or ends(txn)
  end
  room.seen[id] = nil
  room.counted = 0
  if not served then refuse(txn, again_s) end
end, 4)

core.register_cli({ "show", "kyc-waiting" }, "show kyc-waiting: requests that wait, by backend", function(applet)
  for name, room in pairs(rooms) do
    room.counted = 0
    applet:send(name .. " " .. count(room) .. "\n")
  end
end)

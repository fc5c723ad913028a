-- The waiting room: a request to a backend without a usable server sleeps here until there is one, or gets 503.
-- Arguments of the action: backend, seconds it may wait, how many may wait at once, seconds to say in Retry-After.
local rooms = {}
local turn = 0

local function room_of(name)
  rooms[name] = rooms[name] or { seen = {}, count = 0, counted = 0 }
  return rooms[name]
end

-- A waiter that is gone (its client went away) says nothing more, so it is not counted after a second.
local function count(room)
  local now = core.now()
  local at = now.sec + now.usec / 1000000
  if at - room.counted > 0.1 then
    room.counted, room.count = at, 0
    for id, seen in pairs(room.seen) do
      if at - seen > 1 then room.seen[id] = nil else room.count = room.count + 1 end
    end
  end
  return room.count
end

-- Not the fetch nbsrv: a worker that ends says by it of all its servers that none is usable.
local function is_served(backend)
  return tonumber(core.backends[backend]:get_stats().act or 0) > 0
end

local function refuse(txn, again_s)
  local headers = { ["retry-after"] = { again_s }, ["content-type"] = { "text/plain" } }
  txn:done(txn:reply({ status = 503, headers = headers, body = "no replica is ready\n" }))
end

core.register_action("kyc_wait", { "http-req" }, function(txn, backend, wait_s, most, again_s)
  local room = room_of(backend)
  if count(room) >= tonumber(most) then return refuse(txn, again_s) end
  turn = turn + 1
  local id, deadline, served = turn, nil, false
  room.count = room.count + 1
  repeat
    local now = core.now()
    local at = now.sec + now.usec / 1000000
    deadline = deadline or at + tonumber(wait_s)
    room.seen[id] = at
    core.msleep(20)
    served = is_served(backend)
  until served or at > deadline
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

-- The waiting room: a request to a backend without a usable server sleeps here until there is one.
-- Arguments of the action: backend, seconds it may wait, how many may wait at once.
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

core.register_action("kyc_wait", { "http-req" }, function(_, backend, wait_s, most)
  local room = room_of(backend)
  if count(room) >= tonumber(most) then return end
  turn = turn + 1
  local id, deadline = turn, nil
  room.count = room.count + 1
  repeat
    local now = core.now()
    local at = now.sec + now.usec / 1000000
    deadline = deadline or at + tonumber(wait_s)
    room.seen[id] = at
    core.msleep(20)
  until is_served(backend) or at > deadline
  room.seen[id] = nil
  room.counted = 0
end, 3)

core.register_cli({ "show", "kyc-waiting" }, "show kyc-waiting: requests that wait, by backend", function(applet)
  for name, room in pairs(rooms) do
    room.counted = 0
    applet:send(name .. " " .. count(room) .. "\n")
  end
end)

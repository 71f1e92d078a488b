-- An expense that somebody has to approve: a flow that waits for days, and for
-- somebody else. Kill the server whenever you like. /durable is who asks, and
-- /durable/desk is who decides.
local s = require "stube"

local expenses = s.atom("demo/expenses", { last = 0, open = {} })

--- Puts a request on the desk; its number.
local function file(what, amount)
  return expenses:update(function(e)
    e.last = e.last + 1
    e.open[#e.open + 1] = { id = e.last, what = what, amount = amount, reminders = 0 }
  end).last
end

local function change(id, f)
  expenses:update(function(e)
    for i, request in ipairs(e.open) do
      if request.id == id then f(e.open, i, request) end
    end
  end)
end

local function topic(id) return "expense/" .. id end

--- Takes it off the desk and tells who waits.
local function decide(id, verdict)
  change(id, table.remove)
  s.publish(topic(id), verdict)
end

local Form = s.component("expense/form", {
  init = { what = "", amount = 0 },
  render = function(self)
    return { "form.stube-card.stube-stack", on_submit = "file",
      { "h1", "A new expense" },
      { "label.stube-label", "What for",
        { "input.stube-input", bind = "what", required = true, autofocus = true } },
      { "label.stube-label", "Amount",
        { "input.stube-input", bind = "amount", type = "number", min = 1, step = "any" } },
      { "div.stube-actions.stube-actions--end",
        { "button.stube-button.stube-button--primary",
          disabled = self.filed, "Ask for it" } } }
  end,
  on = {
    file = function(self) s.answer { what = self.what, amount = self.amount or 0 } end,
  },
})

-- Waits in the middle of a loop in a function in a pcall: all of it is saved.
local Waiting = s.component("expense/waiting", {
  init = { reminders = 0 },
  start = function(self)
    local ok, verdict = pcall(function()
      while true do
        local answer = s.receive(topic(self.id), self.remind)
        if answer == "withdrawn" then error(answer, 0) end
        if answer then return answer end
        self.reminders = self.reminders + 1
        change(self.id, function(_, _, request) request.reminders = self.reminders end)
      end
    end)
    s.answer(ok and verdict or "withdrawn")
  end,
  render = function(self)
    return { "section.stube-card",
      { "h1", "Waiting for approval" },
      { "p", ("%s: %.2f"):format(self.what, self.amount) },
      self.reminders > 0 and { "p", role = "status", "Reminders sent: ",
        self.reminders } or nil,
      { "button.stube-button", on_click = "withdraw", "Withdraw" } }
  end,
  on = { withdraw = function(self) decide(self.id, "withdrawn") end },
})

s.flow("demo/expense", function(args)
  while true do
    local form = s.await(Form())
    local id = file(form.what, form.amount)
    local verdict = s.await(Waiting { id = id, what = form.what,
      amount = form.amount, remind = args.remind })
    s.await(s.info(("%s was %s."):format(form.what, verdict), { ok = "Another one" }))
  end
end)

local Desk = s.component("demo/desk", {
  render = function()
    local open = expenses:get().open
    return { "section", { "h1", "Expenses to decide" },
      #open == 0 and { "p", "Nothing to do." } or nil,
      { "ul.stube-stack", s.each(open, function(request)
        return { "li.stube-card", key = request.id,
          { "p", ("%s: %.2f"):format(request.what, request.amount),
            request.reminders > 0 and { "small", " reminded ", request.reminders,
              "×" } or nil },
          { "div.stube-actions",
            { "button.stube-button.stube-button--primary",
              on_click = { "decide", { request.id, "approved" } }, "Approve" },
            { "button.stube-button",
              on_click = { "decide", { request.id, "rejected" } }, "Reject" } } }
      end) } }
  end,
  on = { decide = function(_, verdict) decide(verdict[1], verdict[2]) end },
})

s.mount("/durable", "demo/expense", { title = "Expense approval",
  args = function(req) return { remind = tonumber(req.query.remind) or 2 * s.day } end })
s.mount("/durable/desk", Desk, { title = "Expenses to decide" })

/**
 * SQL Assistant
 *
 * Answers questions about the demo shop by reading its tables.
 *
 * @fluxbase:description Ask the demo shop's data: customers, products and orders
 * @fluxbase:allowed-tables users,products,orders,order_items
 * @fluxbase:allowed-operations SELECT
 * @fluxbase:allowed-schemas public
 * @fluxbase:default-table orders
 * @fluxbase:schema-notes orders.status: cancelled orders are no sales, leave them out of revenue
 * @fluxbase:schema-notes orders.total: the sum of quantity * unit_price of the order's items
 * @fluxbase:schema-notes order_items.unit_price: as sold; products.price is what it costs now
 * @fluxbase:examples {"question": "What was our revenue per month in the last year?", "sql": "SELECT strftime('%Y-%m', created_at) AS month, round(sum(total), 2) AS revenue FROM orders WHERE status <> 'cancelled' AND created_at >= date('now', '-1 year') GROUP BY month ORDER BY month"}
 * @fluxbase:examples {"question": "Which products bring in the most money?", "sql": "SELECT p.name, round(sum(i.quantity * i.unit_price), 2) AS revenue FROM order_items i JOIN products p ON p.id = i.product_id JOIN orders o ON o.id = i.order_id WHERE o.status <> 'cancelled' GROUP BY p.id ORDER BY revenue DESC LIMIT 10"}
 * @fluxbase:max-tokens 4096
 * @fluxbase:temperature 0.2
 * @fluxbase:persist-conversations true
 * @fluxbase:conversation-ttl 24
 * @fluxbase:max-turns 50
 * @fluxbase:rate-limit 60        # questions per minute
 * @fluxbase:daily-limit 500
 * @fluxbase:token-budget 2000000
 * @fluxbase:allow-unauthenticated true
 * @fluxbase:public true
 * @fluxbase:suggestions Show me the top 10 users by order count
 * @fluxbase:suggestions How many orders are there per status?
 * @fluxbase:suggestions What are the 5 most expensive products?
 */

export default `You are a careful data assistant for a small online shop. You answer questions by
querying its database.

## What you can do

1. Run SELECT queries with the execute_sql tool
2. Read the schema that is given to you below
3. Explain results in plain language

## How you work

1. Read the question and find the tables and columns that it is about
2. Say in one short sentence what you are going to look up
3. Write one SELECT with the columns that matter and a LIMIT of at most 100 rows
4. Run it with execute_sql
5. Answer from the rows, and name the most important figure first

## Rules

- Only SELECT: never try to change data
- When a question is about "my" orders, filter by user_id = '{{user_id}}'
- If the data cannot answer the question, say so and say what you would need
- Never invent rows, names or numbers

Current user ID: {{user_id}}
`

export const tools = [
  {
    name: "execute_sql",
    description: "Execute one read-only SQL query against the shop's database",
    parameters: {
      type: "object",
      properties: {
        sql: {
          type: "string",
          description: "The SQL SELECT query to execute",
        },
        description: {
          type: "string",
          description: "Brief description of what this query retrieves",
        },
      },
      required: ["sql", "description"],
    },
  },
]
